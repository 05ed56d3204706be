"""Small feeds of every format that say the same, for tests. Pictures are a.jpg, b.jpg, c.jpg beside the feed."""

from __future__ import annotations

import json

GOOGLE_XML = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">
<channel>
<title>Shop</title><link>https://shop.example</link>
{items}
</channel>
</rss>
"""


def item(product: str, image: str = "a.jpg", more: str = "", tag: str = "item") -> str:
    """A good item of a Merchant Center feed."""
    return f"""<{tag}>
<g:id>{product}</g:id><title>Title {product}</title><link>https://shop.example/{product}</link>
<g:image_link>{image}</g:image_link><g:price>12.50 EUR</g:price>{more}
</{tag}>"""


def google_xml(*items: str) -> str:
    """A Merchant Center feed of these items; the first begins on line 5."""
    return GOOGLE_XML.replace("{items}", "\n".join(items))


ATOM = """<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:shop="http://base.google.com/ns/1.0" xml:lang="en">
<title>Shop</title>
<entry><id>tag:shop.example,2026:1</id><shop:id>1</shop:id><title xml:lang="en">Shirt</title>
<link rel="edit" href="https://shop.example/edit/1"/><link href="https://shop.example/1"/>
<shop:image_link>a.jpg</shop:image_link><shop:price>12.50 EUR</shop:price><shop:color>blue</shop:color></entry>
</feed>
"""

GOOGLE_TSV = (
    "id\ttitle\timage link\tadditional image link\tavailability\tprice\tbrand\tgoogle product category\t"
    "product type\tcolor\tgender\tage group\titem group id\tlink\n"
    "1\tShirt, blue\ta.jpg\tb.jpg,c.jpg\tin_stock\t12.50 EUR\tAda\t212\tNew > Shirts\tblue\tfemale\tadult\tG\t"
    "https://shop.example/1\n"
)

SHOPIFY_OLD = (
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,"
    "Option2 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,"
    "Image Src,Image Position,Gift Card,Google Shopping / Gender,Google Shopping / Age Group,Variant Image,Status\n"
    'shirt,Shirt,"<p>Long,\nnice</p>",Ada,Apparel & Accessories > Clothing > Shirts & Tops,,new,true,Size,S,Color,Red,'
    "S-R,shopify,0,deny,20.00,a.jpg,1,false,female,adult,b.jpg,active\n"
    "shirt,,,,,,,,,M,,Red,M-R,shopify,3,deny,18.00,c.jpg,2,,,,,\n"
    "shirt,,,,,,,,,S,,Blue,S-B,shopify,0,deny,25.00,,,,,,c.jpg,\n"
    "hat,Hat,,Bo,,Hats,,true,Title,Default Title,,,H,,,,9.99,a.jpg,1,false,,,,active\n"
    "hat,,,,,,,,,,,,,,,,,b.jpg,2,,,,,\n"
    "draft,Draft,,Bo,,Hats,,false,Title,Default Title,,,D,,,,9.99,a.jpg,1,false,,,,draft\n"
    "card,Card,,Bo,,,,true,Title,10,,,C,,,,10,a.jpg,1,true,,,,active\n"
)

SHOPIFY_NEW = (
    "Title,URL handle,Description,Vendor,Product category,Type,Published on online store,Status,SKU,Option1 name,"
    "Option1 value,Option2 name,Option2 value,Price,Inventory tracker,Inventory quantity,"
    "Continue selling when out of stock,Product image URL,Image position,Variant image URL,Gift card,"
    "Google Shopping / Google product category,Google Shopping / Gender,Google Shopping / Age group\n"
    "Shirt,shirt,Nice,Ada,Apparel & Accessories > Clothing > Shirts & Tops,,TRUE,Active,S-R,Size,S,Color,Red,20.00,"
    "shopify,0,FALSE,a.jpg,1,b.jpg,FALSE,,Female,Adult\n"
    ",shirt,,,,,,,M-R,,M,,Red,18.00,shopify,3,FALSE,c.jpg,2,,,,,\n"
    ",shirt,,,,,,,S-B,,S,,Blue,25.00,shopify,0,FALSE,,,c.jpg,,,,\n"
    "Hat,hat,,Bo,,Hats,TRUE,Active,H,Title,Default Title,,,9.99,,,,a.jpg,1,,FALSE,,,\n"
    ",hat,,,,,,,,,,,,,,,,b.jpg,2,,,,,\n"
    "Draft,draft,,Bo,,Hats,FALSE,Draft,D,Title,Default Title,,,9.99,,,,a.jpg,1,,FALSE,,,\n"
    "Card,card,,Bo,,,TRUE,Active,C,Title,10,,,10,,,,a.jpg,1,,TRUE,,,\n"
)

PRODUCT = {
    "@context": "https://schema.org",
    "@type": "Product",
    "sku": "1",
    "name": "Shirt",
    "image": ["a.jpg", {"@type": "ImageObject", "contentUrl": "b.jpg"}],
    "brand": {"@type": "Brand", "name": "Ada"},
    "color": "blue",
    "category": "Clothing > Shirts",
    "audience": {"@type": "PeopleAudience", "suggestedGender": "https://schema.org/Female"},
    "offers": {
        "@type": "Offer",
        "url": "https://shop.example/1",
        "price": 12.5,
        "priceCurrency": "EUR",
        "availability": "https://schema.org/InStock",
    },
}

GROUP = {
    "@context": "https://schema.org",
    "@graph": [
        {"@type": "BreadcrumbList", "itemListElement": []},
        {
            "@type": "ProductGroup",
            "productGroupID": "G",
            "name": "Shirt",
            "brand": "Ada",
            "hasVariant": [
                {
                    "@type": "Product",
                    "sku": "1",
                    "color": "red",
                    "image": "a.jpg",
                    "offers": [
                        {"@type": "Offer", "price": "10.00", "priceCurrency": "EUR", "availability": "OutOfStock"},
                        {"@type": "Offer", "price": "11.00", "priceCurrency": "EUR", "availability": "InStock"},
                    ],
                },
                {
                    "@type": ["Product", "Thing"],
                    "sku": "2",
                    "color": "blue",
                    "image": "b.jpg",
                    "offers": {"@type": "AggregateOffer", "lowPrice": 9, "priceCurrency": "EUR"},
                },
            ],
        },
    ],
}


def page(*scripts: str, head: str = "") -> str:
    """A page with these scripts of linked data; the first begins on line 3."""
    tags = "\n".join(f'<script type="application/ld+json">{script}</script>' for script in scripts)
    return f"<!doctype html><html><head><title>x</title>{head}\n<script>var a = '<b>';</script>\n{tags}\n</head></html>"


def jsonl(*objects: dict) -> str:
    """One object on each line."""
    return "".join(json.dumps(one) + "\n" for one in objects)


JSONL = jsonl(
    {
        "id": 1,
        "title": "Shirt",
        "images": ["a.jpg", {"url": "b.jpg"}],
        "price": {"value": 12.5, "currency": "EUR"},
        "in": {"other": ["things"]},
        "category": ["Clothing", "Shirts"],
    },
    {"sku": "2", "name": "Hat", "image_link": "c.jpg", "price": 1.234, "currency": "EUR", "availability": False},
)
