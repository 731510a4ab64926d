# The totals as a table, best first.
echo "| item | amount |"
echo "| --- | ---: |"
sort -t, -k2,2nr "$1" | awk -F, '{ print "| " $1 " | " $2 " |" }'
