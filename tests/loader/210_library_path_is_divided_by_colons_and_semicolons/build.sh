# LD_LIBRARY_PATH is divided by `:` and `;`; an empty item is the working directory.
lib one/liba.so
lib two/libb.so
lib libc1.so
program one/liba.so two/libb.so libc1.so
option --library-path "$PWD/one;$PWD/two:"
