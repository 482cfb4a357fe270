# /etc/ld.so.preload is divided by blanks, lines and colons; `#` begins a comment; LD_PRELOAD comes before it.
root
for name in a b c1 d; do lib "pre/lib$name.so"; done
lib own/libx.so
program own/libx.so -Wl,-rpath,/own
printf '# first /pre/libx.so\n/pre/libb.so /pre/liba.so:\n\t/pre/libc1.so\n' >etc/ld.so.preload
option --preload /pre/libd.so
