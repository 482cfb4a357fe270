# /etc/ld.so.nohwcap says nothing any more.
root
lib opt/liba.so
lib opt/glibc-hwcaps/x86-64-v2/liba.so
program opt/liba.so -Wl,-rpath,/opt
: >etc/ld.so.nohwcap
told levels
