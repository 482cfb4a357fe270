# ld.so.cache may be a link, an absolute one inside the root.
root
lib opt/liba.so
lib usr/lib/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
mkdir elsewhere
mv etc/ld.so.cache elsewhere/cache
ln -s /elsewhere/cache etc/ld.so.cache
