-- Which tickets a refund takes back, where somebody named them: "sku:number,…". Empty: those with the highest numbers.
ALTER TABLE refund_requests ADD COLUMN tickets VARCHAR(1000) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '' AFTER items;
