"""CoGAPS: Bayesian NMF whose factors are point masses on a line, by a compiled Gibbs sampler."""
