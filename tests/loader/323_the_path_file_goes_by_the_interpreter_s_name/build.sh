# musl: it is PT_INTERP's text that says where the path file is, not where a link leads.
musl "$PWD/opt/m"
lib own/liba.so
lib wrong/liba.so
mkdir -p real/lib real/etc
mv "$INTERP" real/lib/
ln -s ../../../real/lib/ld-musl-x86_64.so.1 "$INTERP"
program own/liba.so
echo "$PWD/own" >opt/m/etc/ld-musl-x86_64.path
echo "$PWD/wrong" >real/etc/ld-musl-x86_64.path
