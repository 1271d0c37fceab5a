# make, make check, make check-all, make lint, make analyse, make sanitize, make coverage,
# make fuzz SECONDS=, make mutation MUTANTS=, make bench QUICK=1, make bench-scale, make bench-peers,
# make install PREFIX= DESTDIR=
PREFIX ?= /usr/local
BUILD ?= build
CC ?= cc
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion
CPPFLAGS += -Ilib -D_POSIX_C_SOURCE=200809L -D_XOPEN_SOURCE=700 $(HAVE)
# Contraction would make a sum depend on the compiler; kernels alone may use it.
LDFLAGS += -Wl,--as-needed
ALL_CFLAGS = -std=c11 -pthread -ffp-contract=off $(WARN) $(HARDEN) $(CFLAGS)

# Hardened by default, as far as the compiler knows how; make HARDEN= HARDEN_LINK= leaves it out. The
# sanitizers do not see through _FORTIFY_SOURCE, and without optimisation it checks nothing.
knows = $(shell $(CC) -O2 -Werror $(1) -include string.h -x c -fsyntax-only /dev/null \
    2>/dev/null && echo '$(1)')
FORTIFY = $(or $(call knows,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3),-D_FORTIFY_SOURCE=2)
HARDEN := -fPIE $(call knows,-fstack-protector-strong) $(call knows,-fstack-clash-protection) \
    $(call knows,-fcf-protection) \
    $(if $(findstring -fsanitize,$(CFLAGS))$(findstring -O0,$(CFLAGS)),,$(FORTIFY))
HARDEN_LINK = -pie -Wl,-z,relro,-z,now,-z,noexecstack
LDFLAGS += $(HARDEN_LINK)

PKGS = libarchive libjpeg libpng libwebp libxxhash libexif pangocairo jansson
have = $(shell pkg-config --exists $(1) 2>/dev/null && echo yes)
ifeq ($(shell test -e /usr/include/libdeflate.h && echo yes),yes)
HAVE += -DHAVE_LIBDEFLATE
LIBS += -ldeflate
else
LIBS += -lz
endif
ifeq ($(WITHOUT_ONEDNN),)
ifneq ($(wildcard /usr/include/oneapi/dnnl/dnnl.h /usr/local/include/oneapi/dnnl/dnnl.h),)
HAVE += -DHAVE_ONEDNN
LIBS += -ldnnl -lgomp
endif
endif
CPPFLAGS += $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
LIBS += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

LIB_SRC = $(sort $(wildcard lib/*/*.c) $(wildcard lib/net/kernels/*.c))
LIB_OBJ = $(LIB_SRC:%.c=$(BUILD)/%.o)
CMD_SRC = $(sort $(wildcard cmd/*.c))
BIN = $(CMD_SRC:cmd/%.c=$(BUILD)/bin/%)
UNIT_SRC = $(sort $(wildcard tests/unit/*.c))
UNIT = $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
FUZZ_SRC = $(sort $(wildcard tests/fuzz/*.c))
FUZZ = $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)

FAULT = $(BUILD)/fault/inject.so $(BUILD)/fault/intruder.so $(BUILD)/fault/sweep

# Completions of every program for every shell, from its own option table.
SHELLS = bash zsh fish
COMPLETION = $(foreach s,$(SHELLS),$(CMD_SRC:cmd/%.c=$(BUILD)/completion/$(s)/%))

all: $(BIN) $(COMPLETION)
units: $(UNIT) $(FUZZ) $(FAULT)
fuzzers: $(FUZZ)

$(BUILD)/libemo.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^
# What each is compiled for is asked of the processor before it is called.
ifeq ($(shell uname -m),x86_64)
$(BUILD)/lib/net/kernels/%_avx2.o: ISA = -mavx2 -mfma
$(BUILD)/lib/net/kernels/%_avx512.o: ISA = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma
$(BUILD)/lib/net/kernels/%_amx.o: ISA = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma \
    -mavx512bf16 -mavx512vbmi -mamx-tile -mamx-bf16 -mamx-int8
endif
KERNEL = -O3 -ffp-contract=fast -fno-math-errno
# Without contraction, as draws.h says.
$(BUILD)/lib/net/kernels/draws_%.o: KERNEL = -O3 -fno-math-errno
$(BUILD)/lib/net/kernels/%.o: lib/net/kernels/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(KERNEL) $(ISA) -MMD -MP -c -o $@ $<
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/bin/%: $(BUILD)/cmd/%.o $(BUILD)/libemo.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
define completion
$(BUILD)/completion/$(1)/%: $(BUILD)/bin/%
	@mkdir -p $$(@D)
	@$$< --completion $(1) >$$@.new && mv $$@.new $$@
endef
$(foreach s,$(SHELLS),$(eval $(call completion,$(s))))
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libemo.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)
# With libFuzzer, which has a main() of its own, FUZZ_MAIN is empty.
FUZZ_MAIN = $(BUILD)/tests/fuzz/support/replay.o
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/support/support.o $(FUZZ_MAIN) \
    $(BUILD)/libemo.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(FUZZ_LDFLAGS) -o $@ $^ $(LIBS)
# To be preloaded into the programs by the tests.
$(BUILD)/fault/%.so: tests/fault/%.c tests/fault/fault.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) -O1 -g $(filter -Werror,$(CFLAGS)) -fPIC -shared -pthread -o $@ $< -ldl
$(BUILD)/fault/sweep: tests/fault/sweep.c tests/fault/fault.h
	@mkdir -p $(@D)
	$(CC) -std=c11 $(WARN) -O1 -g $(filter -Werror,$(CFLAGS)) -o $@ $<

check: all units
	BUILD=$(BUILD) tests/check

# All that takes longer: every truncation and every flipped bit, valgrind, the sanitizers.
check-all: all units
	BUILD=$(BUILD) tests/check --all
	$(MAKE) sanitize

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	    $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man7 \
	    $(DESTDIR)$(PREFIX)/share/emo/pipelines
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(wildcard man/*.1) $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 $(wildcard man/*.5) $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 $(wildcard man/*.7) $(DESTDIR)$(PREFIX)/share/man/man7
	install -m 755 pipelines/baseline pipelines/explore pipelines/report pipelines/results \
	    $(DESTDIR)$(PREFIX)/share/emo/pipelines
	for p in $(CMD_SRC:cmd/%.c=%); do \
	    install -Dm 644 $(BUILD)/completion/bash/$$p \
	        $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p && \
	    install -Dm 644 $(BUILD)/completion/zsh/$$p \
	        $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$p && \
	    install -Dm 644 $(BUILD)/completion/fish/$$p \
	        $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$p.fish || exit 1; \
	done

# Every warning an error with both compilers, the pages and the scripts.
SCRIPTS = .ci/run tests/run tests/check $(wildcard pipelines/*) $(wildcard tests/data/make-*) \
    tests/fuzz/run tests/fuzz/afl tests/fuzz/minimise tests/fuzz/make-seeds tests/bench/run \
    tests/bench/scale
lint:
	$(MAKE) -s CC=gcc BUILD=$(BUILD)/lint-gcc CFLAGS='-O2 -Werror' all units
	$(MAKE) -s CC=clang BUILD=$(BUILD)/lint-clang CFLAGS='-O1 -Werror' all units
	$(if $(wildcard man/*),mandoc -Tlint -Wwarning $(wildcard man/*))
	shellcheck $(SCRIPTS)
	shellcheck -e SC2016,SC2030,SC2031,SC2094 $(wildcard tests/*.bash tests/*.bats tests/*/*.bats)
	cppcheck -q --std=c11 --error-exitcode=1 --inline-suppr -Ilib --enable=warning,portability \
	    $(HAVE) lib cmd

# Faults that can be found without running anything, with what pipelines/packages analyse installs;
# .clang-tidy says what clang-tidy looks for. It takes minutes, and is no part of lint.
# GCC's analyser forgets who owns a block once its address lies in an array, and what a loop has set
# in one: all that version 12 finds of these kinds is wrong. Leaks and unset memory are found by
# tests/fault, the sanitizers and valgrind. Of vectors it takes the width for that of a number.
GCC_ANALYSER = -O1 -fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value \
    -Wno-analyzer-shift-count-overflow
# Not in the sources that define what contracts.h is about, and those that are _DEFAULT_SOURCE.
PLAIN = lib/base/error.c lib/base/syscalls.c lib/net/isa.c lib/stream/writer.c
CONTRACTS = $(if $(filter $(PLAIN),$<),,-D_GNU_SOURCE= -include tests/contracts.h)
ANALYSE = $(CPPFLAGS) -std=c11 -pthread $(WARN) $(ISA) $(CONTRACTS)
ANALYSED = $(patsubst %.c,$(BUILD)/analyse/%,$(LIB_SRC) $(CMD_SRC))
ifeq ($(shell uname -m),x86_64)
$(BUILD)/analyse/lib/net/kernels/%: ISA = -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma \
    -mavx512vbmi -mamx-tile -mamx-bf16 -mamx-int8
endif
# One source at a time: with more the check of va_list is wrong from the second on.
$(BUILD)/analyse/%: %.c tests/contracts.h .clang-tidy
	@mkdir -p $(@D)
	gcc $(ANALYSE) $(GCC_ANALYSER) -Werror -MMD -MP -MF $@.d -MT $@ -c -o /dev/null $<
	clang-tidy --quiet $< -- $(ANALYSE) -w
	@touch $@
analyse: $(ANALYSED)
	cppcheck -q --std=c11 --error-exitcode=1 --inline-suppr -Ilib --inconclusive \
	    --enable=warning,performance,portability $(HAVE) lib cmd

# The same tests with the address and undefined-behaviour sanitizers.
sanitize:
	$(MAKE) BUILD=$(BUILD)/sanitize \
	    CFLAGS='-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all' all units
	BUILD=$(BUILD)/sanitize tests/check --no-lint

# Every target for so many seconds under libFuzzer and the sanitizers, beginning with what is stored.
SECONDS = 60
fuzz:
	$(MAKE) -s CC=clang BUILD=$(BUILD)/fuzzing FUZZ_MAIN= FUZZ_LDFLAGS=-fsanitize=fuzzer \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all' \
	    fuzzers
	BUILD=$(BUILD)/fuzzing tests/fuzz/run $(SECONDS)

# Which lines and branches of lib/ and cmd/ the tests run; without peers, which not every machine has.
# Programs that end at the same time add to the same counts. They are let into that folder even where
# they are confined.
COVERAGE = $(abspath $(BUILD))/coverage
coverage:
	@mkdir -p $(COVERAGE)
	find $(COVERAGE) -name '*.gcda' -delete
	$(CC) -O1 -c -o $(COVERAGE)/exit.o tests/coverage/exit.c
	$(MAKE) -s BUILD=$(COVERAGE) KERNEL=-O1 LDFLAGS='-Wl,--as-needed $(COVERAGE)/exit.o' \
	    CFLAGS='-O0 -g --coverage -fprofile-update=atomic -DEMO_COVERAGE_FOLDER="\"$(COVERAGE)\""' \
	    all units
	BUILD=$(COVERAGE) GCOV_ERROR_FILE=$(COVERAGE)/errors \
	    tests/check --units $(wildcard tests/*.bats); tested=$$?; \
	tests/coverage/report $(COVERAGE) && exit $$tested

# So many changes to the stream reader and the metrics, one at a time: does a test notice?
MUTANTS = 100
mutation:
	BUILD=$(BUILD) tests/mutation -n $(MUTANTS)
show-flags:
	@echo '$(CC) $(CPPFLAGS) $(ALL_CFLAGS)'
	@echo '$(CC) $(ALL_CFLAGS) $(LDFLAGS)'
	@echo '$(LIBS)'

# Beside the peers that are installed; tests/bench/run says what can be set. bench-peers installs them.
$(BUILD)/bench/peaks: tests/bench/peaks.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -O3 -ffp-contract=fast $(LDFLAGS) -o $@ $<
bench: all $(BUILD)/bench/peaks $(BUILD)/unit/make_scores
	BUILD=$(BUILD) tests/bench/run
bench-scale: all
	BUILD=$(BUILD) tests/bench/scale
bench-peers:
	pipelines/packages bench
	npm install --ignore-scripts --no-save --prefix $(BUILD)/bench onnxruntime-node

clean:
	rm -rf $(BUILD)

.PHONY: all units fuzzers check check-all lint analyse sanitize coverage fuzz mutation bench bench-scale \
    bench-peers show-flags install clean
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
