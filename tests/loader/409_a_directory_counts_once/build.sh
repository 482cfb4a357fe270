# A directory that ld.so.conf names twice counts at its first place.
root
lib one/liba.so
lib two/liba.so
program one/liba.so
ln -s one again
printf '/one\n/two\n/again\n' >etc/ld.so.conf
told ldconfig
