# A needed name that holds a slash is looked for nowhere else.
lib sub/liba.so -Wl,-soname,sub/liba.so
lib own/sub/liba.so
program sub/liba.so "-Wl,-rpath,$PWD/own"
rm sub/liba.so
