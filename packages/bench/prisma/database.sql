-- The tables of schema.prisma, and the rows that the comparison reads: the same in every run.

CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, amount int NOT NULL, active boolean NOT NULL);
INSERT INTO item SELECT i, 'item ' || i, i % 100, i % 2 = 0 FROM generate_series(1, 10000) i;

CREATE TABLE document (
  id int PRIMARY KEY, key uuid NOT NULL, title text NOT NULL, summary text, author text NOT NULL,
  language text NOT NULL, status text NOT NULL, version int NOT NULL, pages int NOT NULL, words int NOT NULL,
  size bigint NOT NULL, price decimal(12, 2) NOT NULL, score double precision NOT NULL,
  is_public boolean NOT NULL, is_archived boolean NOT NULL, metadata jsonb NOT NULL, published_on date NOT NULL,
  created_at timestamptz(3) NOT NULL, updated_at timestamptz(3) NOT NULL, read_at timestamptz(3)
);
INSERT INTO document
SELECT i, md5(i::text)::uuid, 'Document ' || i, CASE WHEN i % 3 = 0 THEN NULL ELSE 'About the number ' || i END,
       'Author ' || i % 50, (ARRAY['en', 'de', 'fr'])[1 + i % 3], 'published', 1 + i % 5, 10 + i % 90, i * 37,
       i::bigint * 100003, (i % 1000)::decimal + 0.95, sqrt(i), i % 2 = 0, i % 7 = 0,
       jsonb_build_object('tags', jsonb_build_array('a', 'b'), 'n', i), DATE '2025-01-01' + i % 365,
       TIMESTAMPTZ '2025-01-01 00:00:00Z' + i * INTERVAL '1 minute',
       TIMESTAMPTZ '2025-06-01 00:00:00Z' + i * INTERVAL '1 minute',
       CASE WHEN i % 2 = 0 THEN TIMESTAMPTZ '2025-07-01 00:00:00Z' + i * INTERVAL '1 minute' END
  FROM generate_series(1, 10000) i;

CREATE TABLE note (id serial PRIMARY KEY, title text NOT NULL, body text NOT NULL);

CREATE TABLE member (id serial PRIMARY KEY, email text NOT NULL);
CREATE UNIQUE INDEX member_email_key ON member (email);
INSERT INTO member (email) VALUES ('taken@example.org');

-- Each author has 3 posts, each post 4 comments.
CREATE TABLE author (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE post (id serial PRIMARY KEY, title text NOT NULL, author_id int NOT NULL REFERENCES author);
CREATE TABLE comment (id serial PRIMARY KEY, text text NOT NULL, post_id int NOT NULL REFERENCES post);
INSERT INTO author (name) SELECT 'author ' || i FROM generate_series(1, 1000) i;
INSERT INTO post (title, author_id) SELECT 'post ' || i, 1 + i % 1000 FROM generate_series(0, 2999) i;
INSERT INTO comment (text, post_id) SELECT 'comment ' || i, 1 + i % 3000 FROM generate_series(0, 11999) i;
CREATE INDEX post_author_id_idx ON post (author_id);
CREATE INDEX comment_post_id_idx ON comment (post_id);
