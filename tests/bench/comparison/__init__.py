"""The parts of tests/bench/compare: targets, inputs, workloads, the runs, and what is shown of them."""
