# In ld.so.cache the best level goes before the order of ld.so.conf.
root
lib opt/one/liba.so
lib opt/two/liba.so
lib opt/two/glibc-hwcaps/x86-64-v3/liba.so
program opt/one/liba.so
printf '/opt/one\n/opt/two\n' >etc/ld.so.conf
ldconfig -r .
told levels
