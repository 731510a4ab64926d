# The sum for each item of all months.
cat "$@" | awk -F, '{ sum[$1] += $2 } END { for (item in sum) print item "," sum[item] }' | sort
