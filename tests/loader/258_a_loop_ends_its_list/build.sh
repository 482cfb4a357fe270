# A link that leads to itself ends this path list; the search goes on with the next source.
lib own/libm.so.6
program own/libm.so.6 "-Wl,-rpath,$PWD/loop:$PWD/own"
mkdir loop
ln -s libm.so.6 loop/libm.so.6
