# Of files of one DT_SONAME in a directory ldconfig(8) takes the newest: digits compared as numbers, the rest as text.
root
versions() {
    for version in $2; do
        lib "opt/$1" "-Wl,--defsym,v=${#version}"
        mv "opt/$1" "opt/$1.$version"
    done
}
versions libone.so.1 '9 10'
versions libtwo.so.1 '2 3'
versions libthree.so.1 '9.1 10.0'
versions libfour.so.1 '1b2 1a3'
versions libfive.so.1 '2 2.1'
program opt/*.so.1.*
echo /opt >etc/ld.so.conf
told ldconfig
