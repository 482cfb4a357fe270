# Where a loader looks last, and what $LIB stands for, are built into it: no table knows them.
root
sed -i 's,/lib/x86_64-linux-gnu/,/lib/x86_64-linux-own/,g; s,lib/x86_64-linux-gnu\x0,lib/x86_64-linux-own\x0,g' \
    lib64/ld-linux-x86-64.so.2
mv lib/x86_64-linux-gnu lib/x86_64-linux-own
lib lib/x86_64-linux-own/liba.so
lib opt/lib/x86_64-linux-own/libb.so
program lib/x86_64-linux-own/liba.so opt/lib/x86_64-linux-own/libb.so '-Wl,-rpath,/opt/$LIB'
