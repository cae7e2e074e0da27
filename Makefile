# SPDX-License-Identifier: MIT
#
# The two commands for a newcomer: `sudo make demo` and `sudo make test`.
# `make help` lists the rest.
#
# SAN=1 builds with the address and undefined-behaviour sanitizers, into its own
# directory, so that both builds can stand side by side.  CC=clang works too.

PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?= 0
FUZZ_SECONDS ?= 3

ifeq ($(origin CC),default)
CC := gcc
endif

BUILD := build
ifeq ($(SAN),1)
BUILD := build-san
endif
ifneq (,$(findstring clang,$(CC)))
BUILD := $(BUILD)-clang
endif
BUILD_ABS := $(abspath $(BUILD))

# One short line per file; V=1 shows the commands.
V ?= 0
ifeq ($(V),0)
say = @printf '  %-5s %s\n' $(1) $(2);
endif

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	    -Wpointer-arith -Wvla -Wno-unused-parameter -Wno-missing-field-initializers
ALL_CFLAGS = -std=gnu17 $(WARNINGS) -fno-strict-aliasing -fno-common -D_GNU_SOURCE -I. \
	     $(CFLAGS) $(SAN_FLAGS) $(DEP_CFLAGS)
ifeq ($(SAN),1)
SAN_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	     -DMCR_SANITIZED=1
endif

# pkg-config is asked only when something is compiled, so that `make deps` and
# `make help` work on a machine that does not have it yet.
pkg        = $(shell pkg-config $(1))
# The kernel path: a BPF program that clang compiles and libbpf loads.  Without them there is none.
BPF_CLANG  ?= clang
have_bpf    = $(eval have_bpf := $(shell command -v $(BPF_CLANG) >/dev/null && pkg-config --exists libbpf && echo yes))$(have_bpf)
BPF_OBJECT := $(BUILD)/obj/daemon/bpf/relay.bpf.o
DEP_CFLAGS = $(eval DEP_CFLAGS := $(call pkg,--cflags liburing libmnl libcjson libseccomp libcap-ng))$(DEP_CFLAGS)
DAEMON_LIBS = $(eval DAEMON_LIBS := $(call pkg,--libs liburing libmnl libcjson libseccomp libcap-ng) \
		$(if $(have_bpf),$(call pkg,--libs libbpf)))$(DAEMON_LIBS)
HARNESS_LIBS = $(eval HARNESS_LIBS := $(call pkg,--libs libmnl libcjson) -lpcap -lm)$(HARNESS_LIBS)

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# A program is a file with a main(); everything else beside it is library.
DAEMON_MAINS  := daemon/mcrd.c daemon/mcrctl/mcrctl.c
HARNESS_MAINS := $(wildcard harness/tools/*.c)
# mcrctl links the library of control's client side only; see daemon/README.md.
CTL_SRCS      := $(filter-out daemon/mcrctl/mcrctl.c,$(wildcard daemon/mcrctl/*.c))

CORE_SRCS    := $(wildcard core/*/*.c)
DAEMON_SRCS  := $(filter-out daemon/mcrctl/% daemon/bpf/%,$(wildcard daemon/*/*.c))
HARNESS_SRCS := $(filter-out $(HARNESS_MAINS),$(wildcard harness/*/*.c))
UNIT_SRCS    := $(wildcard tests/unit/*/test_*.c)
FUZZ_SRCS    := $(wildcard tests/fuzz/fuzz_*.c)

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

DAEMON_BINS  := $(BUILD)/bin/mcrd $(BUILD)/bin/mcrctl
HARNESS_BINS := $(patsubst harness/tools/%.c,$(BUILD)/bin/%,$(HARNESS_MAINS))
UNIT_BINS    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(UNIT_SRCS))
FUZZ_BINS    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRCS))
POC_BINS     := $(patsubst experiments/%.c,$(BUILD)/experiments/%,$(wildcard experiments/poc_*/*.c))

.PHONY: all
all: $(DAEMON_BINS) $(HARNESS_BINS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Rewritten only when the version changes, so that only then version.o is rebuilt.
$(BUILD)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

.PHONY: FORCE
FORCE:

$(call obj,daemon/common/version.c): $(BUILD)/version
$(call obj,daemon/common/version.c): ALL_CFLAGS += -DMCR_VERSION='"$(VERSION)"'

ifneq (,$(have_bpf))
$(BPF_OBJECT): daemon/bpf/relay.bpf.c $(wildcard daemon/bpf/*.h) core/rules/kernel_path_map.h
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(BPF_CLANG) -target bpf -O2 -g -Wall -Werror -fno-strict-aliasing -I. \
		-I/usr/include/$(shell $(CC) -print-multiarch) -c -o $@ $<

ALL_CFLAGS += -DMCR_HAVE_BPF
$(call obj,daemon/priv/bpf.c): $(BPF_OBJECT)
$(call obj,daemon/priv/bpf.c): ALL_CFLAGS += -DMCR_BPF_OBJECT='"$(BPF_OBJECT)"'
endif

$(BUILD)/libcore.a: $(call obj,$(CORE_SRCS))
	$(call say,AR,$@)rm -f $@; $(AR) rcs $@ $^

$(BUILD)/libharness.a: $(call obj,$(HARNESS_SRCS))
	$(call say,AR,$@)rm -f $@; $(AR) rcs $@ $^

$(BUILD)/bin/mcrd: $(call obj,daemon/mcrd.c $(DAEMON_SRCS)) $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDFLAGS) $(DAEMON_LIBS)

# mcrd whose children misbehave: the same objects, and a hostile function in front of one
# that each process calls anyway (tests/hostile/hostile.h).
HOSTILE_SRCS := $(wildcard tests/hostile/*.c)
HOSTILE_WRAP := worker_arm control_config_start control_waits_check request_read fcntl syscall
$(BUILD)/test/mcrd-hostile: $(call obj,daemon/mcrd.c $(DAEMON_SRCS) $(HOSTILE_SRCS)) $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) $(HOSTILE_WRAP:%=-Wl,--wrap=%) -o $@ $^ $(LDFLAGS) $(DAEMON_LIBS)

# mcrd whose maps have another version: what it pins is stale for this one, and it for that.
OTHER_MAPS_SRCS := daemon/priv/bpf_pin.c daemon/priv/bpf_clsact.c daemon/supervisor/handover.c daemon/supervisor/upgrade.c
OTHER_MAPS_OBJS := $(patsubst %.c,$(BUILD)/obj/other-maps/%.o,$(OTHER_MAPS_SRCS))
$(OTHER_MAPS_OBJS): $(BUILD)/obj/other-maps/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -DKERNEL_PATH_VERSION=9 -MMD -MP -c -o $@ $<

$(BUILD)/test/mcrd-other-maps: $(call obj,daemon/mcrd.c $(filter-out $(OTHER_MAPS_SRCS),$(DAEMON_SRCS))) \
		$(OTHER_MAPS_OBJS) $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDFLAGS) $(DAEMON_LIBS)

# mcrd whose program no kernel takes (tests/bpf/refused.bpf.c).
REFUSED_OBJECT := $(BUILD)/obj/tests/bpf/refused.bpf.o
$(REFUSED_OBJECT): tests/bpf/refused.bpf.c core/rules/kernel_path_map.h
	@mkdir -p $(@D)
	$(call say,BPF,$<)$(BPF_CLANG) -target bpf -O2 -g -Wall -Werror -I. \
		-I/usr/include/$(shell $(CC) -print-multiarch) -c -o $@ $<

$(BUILD)/obj/tests/bpf/refused.o: daemon/priv/bpf.c $(REFUSED_OBJECT)
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -DMCR_BPF_OBJECT='"$(REFUSED_OBJECT)"' -MMD -MP -c -o $@ $<

$(BUILD)/test/mcrd-refused: $(call obj,daemon/mcrd.c $(filter-out daemon/priv/bpf.c,$(DAEMON_SRCS))) \
		$(BUILD)/obj/tests/bpf/refused.o $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDFLAGS) $(DAEMON_LIBS)

# mcrd as it is built without clang or libbpf.
$(BUILD)/obj/tests/bpf/%-without-bpf.o: daemon/%.c $(BUILD)/version
	@mkdir -p $(@D)
	$(call say,CC,$@)$(CC) $(filter-out -DMCR_HAVE_BPF,$(ALL_CFLAGS)) -DMCR_VERSION='"$(VERSION)"' -MMD -MP -c -o $@ $<

WITHOUT_BPF_SRCS := daemon/priv/bpf.c daemon/common/version.c
$(BUILD)/test/mcrd-without-bpf: $(call obj,daemon/mcrd.c $(filter-out $(WITHOUT_BPF_SRCS),$(DAEMON_SRCS))) \
		$(patsubst daemon/%.c,$(BUILD)/obj/tests/bpf/%-without-bpf.o,$(WITHOUT_BPF_SRCS)) $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDFLAGS) $(DAEMON_LIBS)

$(BUILD)/bin/mcrctl: $(call obj,daemon/mcrctl/mcrctl.c $(CTL_SRCS) daemon/common/version.c) $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDFLAGS) $(DAEMON_LIBS)

$(HARNESS_BINS): $(BUILD)/bin/%: $(BUILD)/obj/harness/tools/%.o $(BUILD)/libharness.a
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDFLAGS) $(HARNESS_LIBS)

# A unit test links the module under test and what the line " * Links: a.c b.c"
# in its header comment lists, nothing else.
unit_links = $(shell sed -n 's/^ \* Links: //p' $(1))
define unit_rule
$(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(1)): $(call obj,$(1) $(call unit_links,$(1)))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)$$(CC) $$(ALL_CFLAGS) -o $$@ $$^ $$(LDFLAGS) -lcmocka $$(DAEMON_LIBS)
endef
$(foreach t,$(UNIT_SRCS),$(eval $(call unit_rule,$(t))))

# Fuzzers need clang's libFuzzer and always run with the sanitizers on.
define fuzz_rule
$(BUILD)/fuzz/$(notdir $(1:.c=)): $(1) $(call unit_links,$(1)) $(wildcard core/*/*.h tests/fuzz/*.h)
	@mkdir -p $$(@D)
	$$(call say,FUZZ,$$@)clang -std=gnu17 $(WARNINGS) -D_GNU_SOURCE -I. -O1 -g -DMCR_SANITIZED=1 \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		$$(DEP_CFLAGS) -o $$@ $$(filter %.c,$$^) $$(LDFLAGS) $$(DAEMON_LIBS)
endef
$(foreach t,$(FUZZ_SRCS),$(eval $(call fuzz_rule,$(t))))

$(BUILD)/experiments/%: experiments/%.c $(wildcard experiments/*.h experiments/*/*.h)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(ALL_CFLAGS) -o $@ $< $(LDFLAGS) $(call pkg,--libs liburing libseccomp)

.PHONY: experiments
experiments: $(POC_BINS)

# --- set-up, tests, lints ---------------------------------------------------

DEPS_BUILD := gcc clang make pkg-config git liburing-dev libmnl-dev libcjson-dev libseccomp-dev libcap-ng-dev libbpf-dev \
	      libpcap-dev libcmocka-dev
DEPS_DEMO  := python3 iproute2
DEPS_TEST  := perl libclang-rt-dev python3-scapy nftables ethtool socat smcroute util-linux procps
DEPS_LINT  := perl clang-format cppcheck

# $(1): packages.  Installs what is missing, or says what to install.
define need
	@missing=; for p in $(1); do \
		dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" != 0 ]; then \
		echo "missing packages:$$missing"; \
		echo "run as root, or: sudo apt-get install --no-install-recommends$$missing"; exit 1; \
	fi; \
	echo "installing:$$missing"; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get -qq update && \
	apt-get -qq install -y --no-install-recommends $$missing >/dev/null
endef

.PHONY: deps-demo deps-test deps-lint
deps-demo:
	$(call need,$(DEPS_BUILD) $(DEPS_DEMO))

deps-test:
	$(call need,$(DEPS_BUILD) $(DEPS_DEMO) $(DEPS_TEST))

deps-lint:
	$(call need,$(DEPS_BUILD) $(DEPS_LINT))

# The dependency targets install pkg-config and headers: what is built afterwards
# needs a fresh make, which sees them.
SUB := $(MAKE) --no-print-directory
# The state is kept so that `prove --exec tests/explain --state=failed` repeats what failed.
PROVE := prove --timer --state=save --exec tests/explain
LINTS := $(sort $(wildcard tests/lint/test_*))
# By the environment, so that the shell takes it as it is.
export FILTER ?=

.PHONY: demo
demo: deps-demo
	@$(SUB) -s all
	@MCR_BUILD=$(BUILD_ABS) harness/demo

.PHONY: test
test: deps-test
	@$(SUB) -j$$(nproc) all tests
	@MCR_BUILD=$(BUILD_ABS) CMOCKA_MESSAGE_OUTPUT=TAP FUZZ_SECONDS=$(FUZZ_SECONDS) $(PROVE) \
		$(UNIT_BINS) tests/fuzz/run $(LINTS) experiments/run-all.sh tests/netns/run \
		tests/netns/run-kernel-path

# Everything that `make test` runs, built.
.PHONY: tests
tests: unit-bins $(FUZZ_BINS) experiments

.PHONY: unit-test
unit-test: deps-test
	@$(SUB) -j$$(nproc) unit-bins
	@CMOCKA_MESSAGE_OUTPUT=TAP $(PROVE) $(UNIT_BINS)

.PHONY: unit-bins
unit-bins: $(UNIT_BINS) $(BUILD)/test/mcrd-hostile $(BUILD)/test/mcrd-other-maps \
	$(BUILD)/test/mcrd-without-bpf $(if $(have_bpf),$(BUILD)/test/mcrd-refused)

# What tests/netns/run needs, built.
.PHONY: netns-ready
netns-ready: deps-test
	@$(SUB) -s -j$$(nproc) all unit-bins experiments

# NETNS_PATH=kernel: tests/netns/run --path kernel.
.PHONY: netns-test
netns-test: netns-ready
	@MCR_BUILD=$(BUILD_ABS) tests/netns/run $${NETNS_PATH:+--path "$$NETNS_PATH"} $${FILTER:+"$$FILTER"}

.PHONY: fuzz
fuzz: FUZZ_SECONDS = 600
fuzz: deps-test
	@$(SUB) -j$$(nproc) fuzz-bins
	@MCR_BUILD=$(BUILD_ABS) FUZZ_SECONDS=$(FUZZ_SECONDS) $(PROVE) --verbose tests/fuzz/run

.PHONY: fuzz-bins
fuzz-bins: $(FUZZ_BINS)

# A regression gate: ratios of this run against the committed reference.
.PHONY: bench-check
bench-check: deps-test
	@$(SUB) -s -j$$(nproc) all experiments
	@$(BUILD)/bin/mcrbench --profile check --check

# Faults for MINUTES under traffic; nothing may be lost that is not explained.
MINUTES ?= 30
.PHONY: soak
soak: deps-test
	@$(SUB) -s -j$$(nproc) all
	@MCR_BUILD=$(BUILD_ABS) harness/soak $(MINUTES)

.PHONY: bench
bench: deps-test
	@$(SUB) -s -j$$(nproc) all experiments
	@MCR_BUILD=$(BUILD_ABS) $(BUILD)/bin/mcrbench $(BENCH_ARGS)

# What each fault costs under traffic: lost, repeated, longest gap, repair time.
.PHONY: bench-faults
bench-faults: deps-test
	@$(SUB) -s -j$$(nproc) all
	@MCR_BUILD=$(BUILD_ABS) harness/bench-faults $(BENCH_ARGS)

C_FILES := $(shell git ls-files '*.c' '*.h' 2>/dev/null)

.PHONY: check
check: deps-lint
	@$(SUB) -s -j$$(nproc) all
	@echo "  clang-format"; clang-format --dry-run --Werror $(C_FILES)
	@MCR_BUILD=$(BUILD_ABS) prove --exec tests/explain $(LINTS)
	@echo "  cppcheck"; cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning \
		--suppress=missingIncludeSystem --suppress=resourceLeak --suppress=unknownMacro \
		--library=posix -I. -j$$(nproc) core daemon harness

.PHONY: format
format: deps-lint
	clang-format -i $(C_FILES)

# Below share/mcr things lie as they do in this tree, so that scenarios find topologies and programs.
SHARE = $(DESTDIR)$(PREFIX)/share/mcr
PY_PACKAGES := $(notdir $(patsubst %/,%,$(dir $(wildcard harness/python/*/__init__.py))))

.PHONY: install
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin \
		$(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 755 $(BUILD)/bin/mcrd $(DESTDIR)$(PREFIX)/sbin/
	install -m 755 $(BUILD)/bin/mcrctl $(HARNESS_BINS) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 daemon/man/mcrctl.1 harness/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 daemon/man/mcrd.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions
	$(BUILD)/bin/mcrctl completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/mcrctl
	$(BUILD)/bin/mcrctl completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_mcrctl
	install -d $(DESTDIR)$(PREFIX)/lib/sysusers.d
	install -m 644 daemon/sysusers/mcr.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/
	install -d $(SHARE)/harness/topologies $(SHARE)/build/bin
	install -m 644 harness/topologies/*.json $(SHARE)/harness/topologies/
	install -m 644 harness/bench-reference.json $(SHARE)/
	for package in $(PY_PACKAGES); do \
		install -d $(SHARE)/harness/python/$$package && \
		install -m 644 harness/python/$$package/*.py $(SHARE)/harness/python/$$package/ || exit 1; \
	done
	ln -sfn harness/topologies $(SHARE)/topologies
	ln -sfn harness/python $(SHARE)/python
	ln -sfn ../../../../sbin/mcrd $(SHARE)/build/bin/mcrd
	for program in mcrctl $(notdir $(HARNESS_BINS)); do \
		ln -sfn ../../../../bin/$$program $(SHARE)/build/bin/$$program || exit 1; \
	done

.PHONY: clean
clean:
	rm -rf build build-san build-clang build-san-clang .prove

.PHONY: help
help:
	@echo 'sudo make demo              relay a live stream between namespaces and show the numbers'
	@echo 'sudo make test              build and run every test (SAN=1: with sanitizers)'
	@echo 'sudo make netns-test FILTER=text   namespace tests whose name contains the text'
	@echo 'make all                    build/bin/{mcrd,mcrctl,mcrlab,mcrgen,mcrsink,mcrbench}'
	@echo 'make unit-test | fuzz | bench | bench-faults | soak | check | format | install | clean'

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
