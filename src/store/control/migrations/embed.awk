# SPDX-License-Identifier: Apache-2.0
# Turns NNN_name.sql files, given in order, into the table control_migrations of db_priv.h.
function base(path) { sub(/.*\//, "", path); sub(/\.sql$/, "", path); return path }
BEGIN { print "#include \"store/control/db_priv.h\"\n" }
FNR == 1 {
	if (n++) print "\t;\n"
	name[n] = base(FILENAME)
	printf "static const char migration_%d[] =\n", n
}
{
	gsub(/\\/, "\\\\")
	gsub(/"/, "\\\"")
	printf "\t\"%s\\n\"\n", $0
}
END {
	print "\t;\n"
	print "const struct control_migration control_migrations[] = {"
	for (i = 1; i <= n; i++)
		printf "\t{ %d, \"%s\", migration_%d },\n", substr(name[i], 1, 3) + 0, name[i], i
	print "};"
	printf "const size_t control_migration_count = %d;\n", n
	printf "_Static_assert(CONTROL_SCHEMA == %d, \"db_priv.h names the last migration\");\n", substr(name[n], 1, 3) + 0
}
