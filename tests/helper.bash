# Loaded by every suite: where things are, and an empty directory to work in.
bats_require_minimum_version 1.5.0

ROOT=$(cd "$BATS_TEST_DIRNAME" && while [ ! -e Makefile ]; do cd ..; done && pwd)
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$ROOT/$BUILD ;; esac
BIN=$BUILD/bin
SAMPLE=$ROOT/tests/data/emoji-5050.zip
PHOTOS=${EMO_PHOTOS:-$ROOT/../shared/data/photos-5050.zip}
PATH=$BIN:$PATH
# fontconfig keeps its tables to the end, by offsets that leak checkers do not see.
LSAN_OPTIONS=suppressions=$ROOT/tests/lsan.supp:print_suppressions=0
export ROOT BUILD BIN SAMPLE PHOTOS PATH LSAN_OPTIONS

setup() {
    T=$BATS_TEST_TMPDIR
    export T
    cd "$T" || exit
}

# For what only a terminal shows; not every container can make one.
needs_terminal() {
    script -qec true /dev/null >/dev/null 2>&1 || skip "no script(1), or no pseudo-terminal"
}
