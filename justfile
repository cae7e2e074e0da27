# Recipes only name what make does; `make help` says more.

# build everything
default:
    @make --no-print-directory -s -j2 all

# every test
test:
    @make --no-print-directory test

# namespace tests, all or by FILTERs; `--path kernel`: those for both paths, relayed by the kernel
[positional-arguments]
netns-test *ARGS:
    @make --no-print-directory netns-ready
    @tests/netns/run "$@"

# a live stream between namespaces, with numbers
demo:
    @make --no-print-directory demo

# format, layering, static analysis
check:
    @make --no-print-directory check

# fuzz every parser for SECONDS
fuzz SECONDS='600':
    @make --no-print-directory fuzz FUZZ_SECONDS={{SECONDS}}

# ratios between relays, measured in turn in one run
bench *ARGS:
    @make --no-print-directory bench BENCH_ARGS='{{ARGS}}'

# the regression gate on those ratios
bench-check:
    @make --no-print-directory bench-check

# what each fault costs under traffic
bench-faults *ARGS:
    @make --no-print-directory bench-faults BENCH_ARGS='{{ARGS}}'

# faults under traffic for MINUTES
soak MINUTES='30':
    @make --no-print-directory soak MINUTES={{MINUTES}}
