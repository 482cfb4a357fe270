# ldconfig(8) knows names that begin with `lib` or `ld-` and hold `.so`, and nothing else.
root
lib opt/plugin.so
lib opt/libb.so
lib opt/libb-2.so
program opt/libb.so
program opt/libb.so opt/plugin.so opt/libb-2.so
echo /opt >etc/ld.so.conf
told ldconfig
