# Of one DT_SONAME the newest name wins, be it a link to another directory.
root
lib opt/libx.so.1
mv opt/libx.so.1 opt/libx.so.1.2
lib other/libx.so.1
mv other/libx.so.1 other/real
ln -s ../other/real opt/libx.so.1.9
program opt/libx.so.1.2
echo /opt >etc/ld.so.conf
told ldconfig
