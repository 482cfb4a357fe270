# `include` may name several patterns, and absolute ones.
root
lib opt/one/liba.so
lib opt/two/liba.so
lib opt/three/libb.so
program opt/one/liba.so opt/three/libb.so
mkdir etc/conf
printf 'include conf/b.conf conf/a.conf\ninclude /etc/conf/c.*\n' >etc/ld.so.conf
echo /opt/two >etc/conf/a.conf
echo /opt/one >etc/conf/b.conf
echo /opt/three >etc/conf/c.conf
told ldconfig
