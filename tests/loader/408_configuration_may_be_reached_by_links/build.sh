# ld.so.conf and what it names may be links, absolute ones inside the root.
root
lib opt/liba.so
program opt/liba.so
ln -s /opt link
mkdir elsewhere
echo /link >elsewhere/conf
ln -s /elsewhere/conf etc/ld.so.conf
told ldconfig
