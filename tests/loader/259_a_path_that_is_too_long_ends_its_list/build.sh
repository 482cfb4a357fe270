# A path that is too long, in a directory that exists, ends its list; the search goes on with the next source.
lib own/libm.so.6
dots=$(printf '%4086s' '' | sed 's, ,/.,g' | cut -c "1-$((4092 - ${#PWD}))")
program own/libm.so.6 "-Wl,-rpath,$PWD$dots:$PWD/own"
