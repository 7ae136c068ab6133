use cfn::logical_id;

fn main() {
    let _ = logical_id!("price-table");
}
