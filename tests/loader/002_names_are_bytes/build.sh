# Any byte but `/` and NUL may stand in a path: blank, tab, `#`, `$`, a backslash, Latin-1.
lib 'a b/lib#$x.so'
lib "$(printf 't\tb\\\\c\351')/liby.so"
program 'a b/lib#$x.so' "$(printf 't\tb\\\\c\351')/liby.so" "-Wl,-rpath,$PWD/a b:$(printf "$PWD/t\tb\\\\\\\\c\351")"
