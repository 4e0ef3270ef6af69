-- Names that are few and known beforehand are kept as numbers, which a join or a group takes more quickly than texts:
-- those of the event types that matter, of the groups, and of the two parts of a metric's value. What has none of the
-- names is NULL. A cast would say the same, but writes a message for each that it fails on.
CREATE TYPE EVENT_TYPE AS ENUM (SELECT unnest(getvariable('known_types')));
CREATE TYPE GROUP_NAME AS ENUM (SELECT unnest(getvariable('group_names')));
CREATE TYPE PART AS ENUM ('y', 'x');
CREATE MACRO event_type_of(name) AS
    enum_range(NULL::EVENT_TYPE)[list_position(enum_range(NULL::EVENT_TYPE)::VARCHAR[], name)];
CREATE MACRO group_name_of(name) AS
    enum_range(NULL::GROUP_NAME)[list_position(enum_range(NULL::GROUP_NAME)::VARCHAR[], name)];
-- A text that was found behind a pointer into JSON, unless an object or a list was found there.
CREATE MACRO single_value(found, document, pointer) AS
    CASE WHEN NOT regexp_matches(found, '^[\[{]') OR json_type(document, pointer) = 'VARCHAR' THEN found END;
