# The sum for each item of one month.
tail -n +2 "$1" | awk -F, '{ sum[$2] += $3 } END { for (item in sum) print item "," sum[item] }' | sort
