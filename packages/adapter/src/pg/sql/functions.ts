/**
 * Names that may stand before a parenthesis: keywords, which call nothing, and functions of `pg_catalog`. A function on
 * no list may do anything. tests/integration/sql.test.ts compares the lists with the server's own catalog.
 */

/**
 * Keywords that cannot be the name of a function without quotes (reserved, or reserved for other uses: manual,
 * appendix C). What looks like a call of one is built into the grammar, and calls nothing that writes.
 */
export const KEYWORDS = namesOf(`
  all and any array as asymmetric between bigint bit boolean both case cast char character coalesce collate
  current_date current_time current_timestamp dec decimal default distinct else end except exists extract fetch float
  for from greatest group grouping having in int integer intersect interval into lateral leading least limit
  localtime localtimestamp national nchar normalize not null nullif numeric offset on only or order overlay position
  precision real returning row select smallint some substring symmetric table then time timestamp to trailing trim
  union user using values varchar variadic when where window with`)

/**
 * Immutable and stable functions, from PostgreSQL 14 on: they save nothing, and leave nothing in the session. The list
 * has the functions that Prisma generates and that applications use, not all.
 */
export const STABLE_FUNCTIONS = namesOf(`
  any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp every json_agg
  json_object_agg jsonb_agg jsonb_object_agg max min mode percentile_cont percentile_disc range_agg regr_avgx regr_avgy
  regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum
  var_pop var_samp variance xmlagg

  cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number

  abs acos acosd asin asind atan atan2 cbrt ceil ceiling cos cosd cot degrees div exp factorial floor gcd lcm ln log
  log10 min_scale mod pi pow power radians round scale sign sin sind sinh sqrt tan tand tanh trim_scale trunc
  width_bucket

  ascii bit_length btrim char_length character_length chr concat concat_ws convert convert_from convert_to decode encode
  format get_bit get_byte initcap left length lower lpad ltrim md5 notlike octet_length parse_ident quote_ident
  quote_literal quote_nullable regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace
  regexp_split_to_array regexp_split_to_table regexp_substr repeat replace reverse right rpad rtrim set_bit set_byte
  sha224 sha256 sha384 sha512 split_part starts_with string_to_array string_to_table strpos substr text to_ascii to_hex
  translate unistr upper

  age date date_add date_bin date_part date_subtract date_trunc isfinite justify_days justify_hours justify_interval
  make_date make_interval make_time make_timestamp make_timestamptz now overlaps statement_timestamp to_char
  to_date to_number to_timestamp transaction_timestamp

  array_append array_cat array_dims array_fill array_length array_lower array_ndims array_position array_positions
  array_prepend array_remove array_replace array_to_string array_upper cardinality generate_series generate_subscripts
  trim_array unnest

  array_to_json json_array_elements json_array_elements_text json_array_length json_build_array json_build_object
  json_each json_each_text json_extract_path json_extract_path_text json_object json_object_keys json_populate_record
  json_populate_recordset json_strip_nulls json_to_record json_to_recordset json_typeof jsonb_array_elements
  jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
  jsonb_extract_path jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_keys jsonb_path_exists
  jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_populate_record
  jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record jsonb_to_recordset
  jsonb_typeof row_to_json to_json to_jsonb

  array_to_tsvector get_current_ts_config json_to_tsvector jsonb_to_tsvector numnode phraseto_tsquery plainto_tsquery
  querytree setweight strip to_tsquery to_tsvector ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsvector_to_array
  websearch_to_tsquery

  isempty lower_inc lower_inf range_merge upper_inc upper_inf int4range int8range numrange daterange tsrange tstzrange

  abbrev broadcast family host hostmask inet_merge inet_same_family masklen netmask network set_masklen
  enum_first enum_last enum_range uuid_extract_timestamp uuid_extract_version

  col_description current_database current_schema current_schemas current_setting format_type has_any_column_privilege
  has_column_privilege has_database_privilege has_function_privilege has_schema_privilege has_sequence_privilege
  has_table_privilege has_type_privilege inet_client_addr inet_client_port inet_server_addr inet_server_port
  obj_description pg_backend_pid pg_client_encoding pg_column_size pg_conf_load_time pg_encoding_to_char
  pg_function_is_visible pg_get_constraintdef pg_get_expr pg_get_function_arguments pg_get_function_identity_arguments
  pg_get_function_result pg_get_functiondef pg_get_indexdef pg_get_partkeydef pg_get_ruledef pg_get_serial_sequence
  pg_get_triggerdef pg_get_userbyid pg_get_viewdef pg_has_role pg_listening_channels pg_my_temp_schema
  pg_postmaster_start_time pg_relation_filenode pg_size_bytes pg_size_pretty pg_table_is_visible pg_type_is_visible
  pg_typeof pg_wal_lsn_diff row_security_active shobj_description to_regclass to_regnamespace to_regproc
  to_regprocedure to_regrole to_regtype version`)

/** Volatile only because each call has another result: they save nothing, and leave nothing in the session. */
export const HARMLESS_VOLATILE_FUNCTIONS = namesOf(`
  clock_timestamp gen_random_uuid pg_blocking_pids pg_current_wal_lsn pg_database_size pg_indexes_size pg_is_in_recovery
  pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp pg_relation_size pg_sleep pg_sleep_for
  pg_sleep_until pg_table_size pg_tablespace_size pg_total_relation_size random random_normal timeofday uuidv4 uuidv7`)

/** They save something, or lock something until the transaction ends, but leave nothing in the session. */
export const HARMLESS_WRITING_FUNCTIONS = namesOf(`
  nextval pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_cancel_backend pg_current_xact_id
  pg_current_xact_id_if_assigned pg_notify pg_terminate_backend pg_try_advisory_xact_lock
  pg_try_advisory_xact_lock_shared setval txid_current txid_current_if_assigned`)

/** They lock something until the session ends. `set_config` changes the session, too, where it is not local. */
export const SESSION_FUNCTIONS = namesOf(`
  pg_advisory_lock pg_advisory_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared`)

/** They run SQL that stands in an argument; `set_limit` of pg_trgm makes a setting. */
export const CHANGING_FUNCTIONS = namesOf(`
  query_to_xml query_to_xml_and_xmlschema query_to_xmlschema set_limit ts_rewrite ts_stat`)

/**
 * They leave in the session what DISCARD ALL does not undo: a seed, a connection to another server, the origin of
 * replicated changes, a replication slot that may be temporary.
 */
export const LASTING_FUNCTIONS = namesOf(`
  dblink_connect dblink_connect_u pg_copy_logical_replication_slot pg_copy_physical_replication_slot
  pg_create_logical_replication_slot pg_create_physical_replication_slot pg_replication_origin_session_setup setseed`)

function namesOf(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/))
}
