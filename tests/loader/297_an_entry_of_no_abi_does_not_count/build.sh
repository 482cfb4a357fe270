# An entry of ld.so.cache that says ELF, but not of which ABI, does not count on x86-64.
root
lib opt/liba.so
program opt/liba.so
echo /opt >etc/ld.so.conf
ldconfig -r .
LC_ALL=C sed -i 's/\x03\x03\x00\x00/\x01\x00\x00\x00/g' etc/ld.so.cache
