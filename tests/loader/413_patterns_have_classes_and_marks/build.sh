# Patterns of `include` have `?` and `[...]`; `*` matches no leading dot.
root
lib opt/liba.so
lib new/libb.so
program opt/liba.so new/libb.so
mkdir etc/c
echo /opt >etc/c/a1.conf
echo /new >etc/c/.hidden.conf
printf 'include c/[a-c]?.conf\ninclude c/*hidden*\n' >etc/ld.so.conf
told ldconfig
