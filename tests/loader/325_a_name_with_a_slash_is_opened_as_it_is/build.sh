# musl: a needed name that holds a slash is opened as it is, without tokens, and does not serve the bare name.
musl "$PWD/m"
lib sub/liba.so -Wl,-soname,sub/liba.so
lib l/liba.so
lib l/libb.so l/liba.so
program sub/liba.so l/libb.so "-Wl,-rpath,$PWD/l"
