# `include` takes patterns, relative to the file that says so, in their sorted order; comments do not count.
root
lib opt/one/liba.so
lib opt/two/liba.so
lib opt/three/libb.so
lib opt/four/libb.so
program opt/one/liba.so opt/three/libb.so
mkdir etc/ld.so.conf.d
printf '# all\ninclude ld.so.conf.d/*.conf # more\n/opt/four\n' >etc/ld.so.conf
echo /opt/one >etc/ld.so.conf.d/b.conf
echo /opt/two >etc/ld.so.conf.d/a.conf
echo /opt/none >etc/ld.so.conf.d/c.txt
echo include /etc/deep.conf >etc/ld.so.conf.d/d.conf
printf '\t/opt/three/\t\n' >etc/deep.conf
told ldconfig
