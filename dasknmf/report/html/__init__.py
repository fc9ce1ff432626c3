"""One self-contained HTML file of saved results: a file a section, plain values first, templates last."""
