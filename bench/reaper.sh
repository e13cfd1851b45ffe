# Ends what the benchmark started, also when the benchmark itself was killed: standard input tells
# of each process group, `+ GROUP` when it starts and `- GROUP` when it has ended, and closes with
# the benchmark.
trap '' INT TERM HUP
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="${groups%% "$group" *} ${groups#* "$group" }" ;;
  esac
done
for group in $groups; do
  kill -KILL -- "-$group" 2>/dev/null
done
