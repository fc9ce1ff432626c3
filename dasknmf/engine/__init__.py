"""The machine: plans, kernels, executors and the A·X operator."""
