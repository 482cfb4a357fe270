# Names that begin with `ld-` are libraries to ldconfig(8).
root
lib opt/ld-other.so.1
lib opt/other.so.1
program opt/ld-other.so.1
echo /opt >etc/ld.so.conf
told ldconfig
