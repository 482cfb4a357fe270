# The words of the cases. A case runs in an empty directory and leaves `program` there, or in `root/`.
set -eu
ROOT= INTERP= CC=cc MAIN=$OBJECTS/main.o EMPTY=$OBJECTS/empty.o

# lib PATH [FLAG...]: a library, whose SONAME is its file's name.
lib() {
    mkdir -p "$(dirname "$1")"
    path=$1
    shift
    empty=$EMPTY
    case " $* " in *" -m"[3x]*) empty='-x c /dev/null -x none' ;; esac
    # shellcheck disable=SC2086
    cc -shared -nostdlib -o "$path" $empty "-Wl,-soname,$(basename "$path")" -Wl,--no-as-needed "$@"
}

# program [FLAG...]
program() {
    printf %s "$INTERP" >"$ASIDE/interp"
    $CC -o program "$MAIN" -Wl,--no-as-needed,--allow-shlib-undefined,--unresolved-symbols=ignore-all \
        ${INTERP:+"-Wl,-dynamic-linker,$INTERP"} "$@"
}

# patch FILE OFFSET BYTES: overwrite bytes, written as for printf.
patch() { printf "$3" | dd of="$1" bs=1 seek="$(($2))" conv=notrunc status=none; }

# at FILE PATTERN: the offset of the last place in FILE that matches a Perl pattern; where there is none, what no
# arithmetic survives.
at() { LC_ALL=C grep -obUaP "(?s)$2" "$1" | grep -ao '^[0-9]*' | tail -n 1 | grep . || echo 1/0; }

# renamed FILE OLD NEW: a string of a file becomes another, which is not longer.
renamed() { patch "$1" "$(($(at "$1" "\\0\\Q$2\\E\\0") + 1))" "$3\\0"; }

# option --library-path DIR: what the loader is told beside the files.
option() { printf '%s\t%s\n' "$1" "$2" >>"$ASIDE/options"; }

# told WORD: the oracle is, instead of what the loader lists when the program is started,
# `runs`: what is mapped in a run of it; `listed`: what `ld.so --list` says, for a library;
# `levels`: what CPUs of each level see; `ldconfig`: what the loader lists after ldconfig(8);
# `script`: each script and program that is started, and what is mapped in it.
told() { : >"$ASIDE/$1"; }

# root: from here on all is in a root of its own, which has glibc's loader and libc.
root() {
    mkdir -p root/lib/x86_64-linux-gnu root/lib64 root/etc root/usr/lib
    cd root
    ROOT=$PWD
    ln "$OBJECTS/ld-linux-x86-64.so.2" lib64/
    ln "$OBJECTS/libc.so.6" lib/x86_64-linux-gnu/
}

# musl PREFIX: from here on programs are musl's, and their interpreter is PREFIX/lib/ld-musl-x86_64.so.1.
musl() {
    CC=musl-gcc MAIN=$OBJECTS/musl.o INTERP=$1/lib/ld-musl-x86_64.so.1
    mkdir -p "$ROOT$1/lib" "$ROOT$1/etc"
    ln "$OBJECTS/libc.so" "$ROOT$INTERP"
    printf %s "$INTERP" >"$ASIDE/interp"
    told musl
    told runs
}

# opener FILE [required] NAME...: an object whose constructor opens the first NAME that opens, as the reader of
# a dlopen note does. Where none opens it complains, or gives up if the note is a required one.
opener() {
    object=$1 fatal=0
    shift
    if [ "$1" = required ]; then fatal=1 && shift; fi
    names=
    for name; do names="$names\"$name\","; done
    cc -c -fPIC -o "$object" "-DNAMES=$names" -DFATAL=$fatal "$CASES/opener.c"
}

# note FILE TEXT [TYPE [OWNER]]: an object with a dlopen note.
note() {
    printf '%s\n' '.section .note.dlopen, "a"' '.balign 4' '.long 2f-1f, 4f-3f' ".long ${3:-0x407c0c0a}" \
        "1: .asciz \"${4:-FDO}\"" '2: .balign 4' "3: .asciz \"$(printf %s "$2" | sed 's/["\\]/\\&/g')\"" '4: .balign 4' |
        cc -c -o "$1" -x assembler -
}

# script FILE LINE: an executable text, written as for printf.
script() {
    printf "$2\n" >"$1"
    chmod +x "$1"
    ln -f "$OBJECTS/tell.so" "$ROOT/"
    told script
}
