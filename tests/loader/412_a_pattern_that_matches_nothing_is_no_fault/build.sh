# An `include` that matches nothing says nothing.
root
lib opt/liba.so
program opt/liba.so
printf 'include /etc/ld.so.conf.d/*.conf\n/opt\n' >etc/ld.so.conf
told ldconfig
