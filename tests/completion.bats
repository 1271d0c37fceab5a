# Completions, made from each program's option table, in the shells themselves.
# shellcheck shell=bash disable=SC2016
load helper

programs() { (cd "$BIN" && printf '%s\n' emo-*); }

# completed WORD...: what bash offers for the last one, one a line.
completed() {
    bash -c 'f=$1; shift; . "$f"
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
        "_$1"
        printf "%s\n" "${COMPREPLY[@]}"' - "$BUILD/completion/bash/$1" "$@"
}

@test "bash offers every option of every program that its -h page lists" {
    local p
    for p in $(programs); do
        "$p" -h | sed -n 's/^  *\(-[A-Za-z0-9], \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p' | sort >listed
        [ -s listed ]
        completed "$p" -- | sort >offered
        diff listed offered
        "$p" -h | grep -o '^  -[A-Za-z0-9]' | tr -d ' ' | sort >listed
        completed "$p" - | grep -x -e '-.' | sort | diff listed -
    done
}

@test "bash offers the values of a choice, splits, and files" {
    [ "$(completed emo-unzip --fit '' | paste -s -d ' ')" = "$(completed emo-unzip --fit = '' | paste -s -d ' ')" ]
    [ "$(completed emo-unzip --fit s)" = stretch ]
    [ "$(completed emo-cat --only t | paste -s -d ' ')" = "train test" ]
    [ "$(completed emo-cat --only train,v)" = train,valid ]
    [ "$(completed emo-cat --only = v)" = valid ]
    [ -z "$(completed emo-cat --limit '')" ]
    mkdir 'a folder'
    : >'a file.emo'
    [ "$(completed emo-cat 'a f' | sort | paste -s -d ,)" = 'a file.emo,a folder' ]
    [ "$(completed emo-cat -T 'a fi')" = 'a file.emo' ]
    [ "$(completed emo-predict --output 'a fi')" = 'a file.emo' ]
}

@test "zsh takes every script" {
    command -v zsh >/dev/null || skip "no zsh"
    local p
    for p in $(programs); do
        zsh -n "$BUILD/completion/zsh/$p"
        grep -q "^#compdef $p$" "$BUILD/completion/zsh/$p"
    done
}

@test "fish offers every option, too, and the values of a choice" {
    command -v fish >/dev/null || skip "no fish"
    local p
    export HOME=$T
    for p in $(programs); do
        "$p" -h | sed -n 's/^  *\(-[A-Za-z0-9], \)\{0,1\}\(--[a-z0-9-]*\).*/\2/p' | sort >listed
        fish -c "source $BUILD/completion/fish/$p; complete -C '$p --'" |
            cut -f 1 | sort -u | diff listed -
    done
    fish -c "source $BUILD/completion/fish/emo-cat; complete -C 'emo-cat --only va'" |
        grep -q '^valid'
}

@test "they are installed where the shells look for them" {
    make -s -C "$ROOT" BUILD="$BUILD" DESTDIR="$T/root" PREFIX=/usr install >/dev/null
    cmp root/usr/share/bash-completion/completions/emo-cat "$BUILD/completion/bash/emo-cat"
    cmp root/usr/share/zsh/site-functions/_emo-peek "$BUILD/completion/zsh/emo-peek"
    [ "$(find root/usr/share/fish/vendor_completions.d | grep -c '/emo-.*\.fish$')" -eq "$(programs | wc -l)" ]
    run -2 emo-cat --completion csh
}
