"""The parts of tests/bench/compare: targets, inputs, workloads, runs, and what is shown of them."""
