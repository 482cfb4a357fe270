# What `include` brings in stands where the line stands.
root
lib one/liba.so
lib two/liba.so
lib three/liba.so
lib two/libb.so
lib three/libb.so
program one/liba.so two/libb.so
printf '/one\ninclude two.conf\n/three\n' >etc/ld.so.conf
echo /two >etc/two.conf
told ldconfig
