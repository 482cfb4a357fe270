# A root that is read as ldconfig(8) would leave it has the levels of its directories.
root
lib opt/liba.so
lib opt/glibc-hwcaps/x86-64-v3/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
told ldconfig
told levels
