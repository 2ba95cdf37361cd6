"""Run every benchmark: ``python -m benchmarks``."""

from benchmarks import memory, rosmap, stacking_overhead, start_up

for benchmark in (start_up, stacking_overhead, memory, rosmap):
    print(f"\n== {benchmark.__doc__.splitlines()[0]}", flush=True)
    benchmark.main()
