# A DT_RPATH that is the empty text counts for nothing.
lib l/libm.so.6
program l/libm.so.6 "-Wl,--disable-new-dtags,-rpath,/."
renamed program /. ''
