# musl: a path of 512 bytes or more is passed over, though its directory exists.
musl "$PWD/m"
lib l/liba.so
lib last/liba.so
program l/liba.so "-Wl,-rpath,$PWD$(printf '%0250d' 0 | sed 's,0,/.,g')/l:$PWD/last"
