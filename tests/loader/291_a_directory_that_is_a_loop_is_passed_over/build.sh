# An item of a path list whose directory cannot be entered is passed over, whatever the reason.
lib own/libm.so.6
program own/libm.so.6 "-Wl,-rpath,$PWD/loop:/$(printf '%0300d' 0):$PWD/own"
ln -s loop loop
