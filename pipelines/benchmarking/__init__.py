"""The jobs behind `altaviz benchmark`; what Altaviz is compared with belongs in `benchmarks`."""
